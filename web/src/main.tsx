import './styles/base.css';
import './styles/parts.css';
import './styles/frame.css';
import { CSPProvider } from '@base-ui/react/csp-provider';
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { queryClient } from './api';
import { Toasts } from './parts/toasts';
import { router } from './router';
import { chosenLanguage, loadTexts, TextsProvider } from './texts';

const texts = await loadTexts(chosenLanguage());
const root = document.getElementById('root');
if (!root) throw new Error('index.html has no #root');

// The page's policy lets nothing inline in: parts that would write a <style> have what it says in styles/parts.css.
createRoot(root).render(
    <StrictMode>
        <CSPProvider disableStyleElements>
            <QueryClientProvider client={queryClient}>
                <TextsProvider first={texts}>
                    <RouterProvider router={router} />
                    <Toasts />
                </TextsProvider>
            </QueryClientProvider>
        </CSPProvider>
    </StrictMode>,
);
